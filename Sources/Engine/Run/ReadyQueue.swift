/// What workers may take next: the deepest stage first, so that chunks leave memory before new ones enter; then in table order.
struct ReadyQueue {
  enum Job {
    case task(TaskRun)
    case load(Int)
    case scan(Int)
    case finish(Int)
  }

  private struct Entry {
    let priority: Int
    let sequence: Int
    let job: Job

    func precedes(_ other: Entry) -> Bool {
      priority != other.priority ? priority > other.priority : sequence < other.sequence
    }
  }

  private var heap: [Entry] = []
  private var sequence = 0

  var isEmpty: Bool { heap.isEmpty }

  mutating func push(_ job: Job, priority: Int) {
    sequence += 1
    heap.append(Entry(priority: priority, sequence: sequence, job: job))
    var child = heap.count - 1
    while child > 0, case let parent = (child - 1) / 2, heap[child].precedes(heap[parent]) {
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the first job that `fits`; jobs that do not are left where they are.
  mutating func pop(where fits: (Job) -> Bool) -> Job? {
    var passed: [Entry] = []
    defer { for entry in passed { reinsert(entry) } }
    while let top = removeTop() {
      if fits(top.job) { return top.job }
      passed.append(top)
    }
    return nil
  }

  mutating func removeAll() { heap.removeAll() }

  private mutating func reinsert(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, case let parent = (child - 1) / 2, heap[child].precedes(heap[parent]) {
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func removeTop() -> Entry? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var first = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[first]) { first = child }
        if first == parent { break }
        heap.swapAt(parent, first)
        parent = first
      }
    }
    return top
  }
}
