extension StageRun {
  var isReduce: Bool { if case .reduce = stage.kind.work { true } else { false } }

  /// The ports whose chunks become tasks.
  var streamPorts: [Int] {
    stage.inputs.indices.filter {
      switch stage.inputs[$0].reading {
      case .source, .stream: true
      case .keyed, .whole, .comparison: false
      }
    }
  }

  func forgetPartials() {
    (partials, partialPorts) = ([], [])
    for task in tasks { task.partial = nil }
  }

  func resetExpansion() {
    cursorPort = 0
    cursorSource = 0
    cursorChunk = 0
    groupStart = 0
    grouper = ChunkGrouper()
    isExpanded = false
  }
}

extension Stage {
  /// Outputs published, baselines compared with, and checks evaluated even when the stage is cached.
  var needsFinish: Bool { !settings.checks.isEmpty || !publishes.isEmpty || kind.comparison != nil }

  /// How the stage is called in messages: a path where the engine added it.
  package var displayName: String { isImplicit ? desc ?? name : name }

  /// The index of an output; nil means the main port.
  func outputIndex(_ port: String?) -> Int {
    guard let port else { return 0 }
    let index = outputs.firstIndex { $0.name == port }
    precondition(index != nil, "the reader has checked every port reference")
    return index!
  }
}
