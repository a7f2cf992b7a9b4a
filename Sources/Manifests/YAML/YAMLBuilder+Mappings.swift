internal import Diagnostics

// What makes a mapping: keys that are texts and there once, template braces that look like one, and merges.
extension YAMLBuilder {
  mutating func finishMapping(_ frame: Frame) {
    let at = Int(frame.index)
    let start = frame.pendingStart
    var merges: [Int] = []
    var hasBadKey = false
    for key in stride(from: start, to: pending.count, by: 2) {
      let record = records[Int(pending[key])]
      if record.shape != .scalar {
        hasBadKey = true
        // An anchored mapping may be a key through an alias; only what is written here can be shown here.
        if record.start == records[at].start + 1, record.style == .flow, record.shape == .mapping {
          reportTemplateBraces(Int(records[at].start)..<Int(records[at].end))
        } else if !record.isPoisoned {
          diagnostics.append(
            Diagnostic(id: "yaml-key", "a key must be a text", at: text.range(Int(record.start)..<Int(record.end)), help: "quote it"))
        }
      } else if record.style == .plain, record.scalar == "<<" {
        merges.append(key)
      }
    }
    if hasBadKey {
      pending.removeSubrange(start...)
      records[at].shape = .scalar
      records[at].isPoisoned = true
      return
    }
    reportDuplicates(start)
    if !merges.isEmpty { merge(start) }
  }

  private mutating func reportTemplateBraces(_ range: Range<Int>) {
    let value = YAMLTraps.restOfValue(text.bytes, from: range.lowerBound)
    diagnostics.append(YAMLTraps.templateBraces(text, value))
  }

  private mutating func reportDuplicates(_ start: Int) {
    let count = (pending.count - start) / 2
    func key(_ at: Int) -> Int { Int(pending[start + 2 * at]) }
    var duplicates: [(first: Int, second: Int)] = []
    if count <= 12 {
      // Most mappings are small, and comparing short strings beats hashing them.
      for later in stride(from: 1, to: count, by: 1) {
        for earlier in 0..<later where records[key(earlier)].scalar == records[key(later)].scalar {
          duplicates.append((key(earlier), key(later)))
          break
        }
      }
    } else {
      var seen: [String: Int] = [:]
      seen.reserveCapacity(count)
      for at in 0..<count {
        if let first = seen.updateValue(key(at), forKey: records[key(at)].scalar) {
          duplicates.append((first, key(at)))
          seen[records[key(at)].scalar] = first
        }
      }
    }
    for (first, second) in duplicates where !records[second].isPoisoned {
      func range(_ index: Int) -> SourceRange { text.range(Int(records[index].start)..<Int(records[index].end)) }
      let name = records[second].scalar
      diagnostics.append(
        Diagnostic(
          id: "yaml-duplicate-key", "`\(name)` is there twice", at: range(second), label: "second",
          secondary: [.init(place: range(first).place, label: "first")],
          help: name == "<<" ? "merge several with one list: <<: [*a, *b]" : "remove one of them; YAML readers silently take the last"))
    }
  }

  /// Replaces `<<` entries by the entries of what they name: written keys win over merged ones, earlier merges over later ones.
  private mutating func merge(_ start: Int) {
    let own = Array(pending[start...])
    var taken = Set<String>()
    for at in stride(from: 0, to: own.count, by: 2) { taken.insert(records[Int(own[at])].scalar) }
    var out: [Int32] = []
    for at in stride(from: 0, to: own.count, by: 2) {
      let key = records[Int(own[at])]
      guard key.style == .plain, key.scalar == "<<" else {
        out += own[at...at + 1]
        continue
      }
      let value = records[Int(own[at + 1])]
      let sources: [Int32]
      if value.shape == .sequence {
        sources = Array(links[Int(value.firstLink)..<Int(value.firstLink + value.linkCount)])
      } else {
        sources = [own[at + 1]]
      }
      var isReported = false
      for source in sources {
        let record = records[Int(source)]
        guard record.shape == .mapping else {
          if !record.isPoisoned, !isReported {
            isReported = true
            diagnostics.append(
              Diagnostic(
                id: "yaml-merge", "`<<` takes a mapping, or a list of mappings", at: text.range(Int(key.start)..<Int(key.end)),
                secondary: [.init(place: text.range(Int(record.start)..<max(Int(record.end), Int(record.start) + 1)).place, label: "this is neither")]
              ))
          }
          continue
        }
        for link in stride(from: Int(record.firstLink), to: Int(record.firstLink + record.linkCount), by: 2)
        where taken.insert(records[Int(links[link])].scalar).inserted {
          out += links[link...link + 1]
        }
      }
    }
    pending.replaceSubrange(start..., with: out)
  }
}
