import Testing

@testable import Statistics

@Suite struct TextClassifierTests {
  /// Texts of three classes: a word that tells the class, among words that do not.
  static func texts(_ count: Int, seed: UInt64) -> [(fields: [[UInt8]], label: [UInt8])] {
    let told = [["refund", "money", "Überweisung"], ["login", "password", "Zugang"], ["invoice", "bill", "Rechnung"]]
    let rest = ["please", "my", "account", "since", "Monday", "hello", "thanks", "the", "a", "customer"]
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let kind = generator.below(3)
      var words = (0..<6).map { _ in rest[generator.below(rest.count)] }
      words[generator.below(6)] = told[kind][generator.below(3)]
      return ([Array(words[..<2].joined(separator: " ").utf8), Array(words[2...].joined(separator: ", ").utf8)], Array(["refund", "login", "billing"][kind].utf8))
    }
  }

  static func trained(_ count: Int = 300, seed: UInt64 = 7, _ hyperparameters: TextClassifier.Hyperparameters = small) throws -> TextClassifier {
    var trainer = TextClassifier.Trainer(hyperparameters, fields: ["subject", "body"])
    for text in texts(count, seed: 1) { trainer.add(text.fields, label: text.label) }
    return try trainer.train(seed: seed)
  }

  static var small: TextClassifier.Hyperparameters {
    var small = TextClassifier.Hyperparameters()
    small.features.buckets = 4096
    small.epochs = 8
    return small
  }

  static func words(_ text: String) -> [[UInt8]] { [Array(text.utf8)] }

  @Test("it learns what tells classes apart")
  func learns() throws {
    let classifier = try Self.trained()
    #expect(classifier.classes.map { String(decoding: $0, as: UTF8.self) } == ["billing", "login", "refund"])
    let right = Self.texts(200, seed: 99).count { classifier.classes[classifier.predict($0.fields).index] == $0.label }
    #expect(right >= 198)
    let strongest = classifier.strongest.map { String(decoding: $0[0].text, as: UTF8.self) }
    #expect(Set(["bill", "invoice", "rechnung"]).contains(strongest[0]))
    #expect(Set(["login", "password", "zugang"]).contains(strongest[1]))
  }

  @Test("probabilities sum to 1, and the answer is the most probable class")
  func probabilities() throws {
    let classifier = try Self.trained()
    for text in Self.texts(20, seed: 5) {
      let found = classifier.predict(text.fields)
      #expect(abs(found.probabilities.reduce(0, +) - 1) < 1e-12)
      #expect(found.probabilities[found.index] == found.probabilities.max())
    }
  }

  @Test("upper case, punctuation and the order of fields change nothing")
  func folding() throws {
    let classifier = try Self.trained()
    #expect(classifier.predict(Self.words("MY ÜBERWEISUNG")) == classifier.predict(Self.words("  my\u{2014}überweisung!")))
    let fields = Self.words("the refund") + Self.words("my account")
    #expect(classifier.predict(fields).index == classifier.predict(fields.reversed()).index)
  }

  @Test("equal texts and an equal seed give equal bytes, another seed gives others")
  func determinism() throws {
    let first = try Self.trained().encoded
    #expect(try Self.trained().encoded == first)
    #expect(try Self.trained(seed: 8).encoded != first)
  }

  /// The digest was computed once on x86-64; another processor, compiler or optimisation level has to come to the same bytes.
  @Test("the bytes are the same on every machine")
  func sameBytes() throws {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in try Self.trained().encoded { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    #expect(hash == 4_791_790_604_002_037_663)
  }

  @Test("what was kept is read back and predicts the same bits")
  func roundTrip() throws {
    let classifier = try Self.trained()
    let back = try TextClassifier(decoding: classifier.encoded)
    #expect(back == classifier)
    #expect(back.fields == ["subject", "body"])
    #expect(back.encoded == classifier.encoded)
    for text in Self.texts(20, seed: 6) { #expect(back.predict(text.fields) == classifier.predict(text.fields)) }
  }

  @Test("every changed byte and every lost end is noticed")
  func damage() throws {
    let bytes = try Self.trained(60).encoded
    func failure(_ bytes: [UInt8]) -> TextClassifier.DecodingFailure? {
      do throws(TextClassifier.DecodingFailure) {
        _ = try TextClassifier(decoding: bytes)
        return nil
      } catch {
        return error
      }
    }
    #expect(failure(bytes) == nil)
    #expect(failure(Array("{\"prediction\":1}\n".utf8)) == .notAClassifier)
    #expect(failure([]) == .notAClassifier)
    var later = bytes
    later[16] = 9
    #expect(failure(later) == .unknownVersion(9))
    for at in stride(from: 17, to: bytes.count, by: max(1, bytes.count / 97)) {
      var changed = bytes
      changed[at] ^= 0x40
      #expect(failure(changed) == .damaged)
    }
    for count in stride(from: 17, to: bytes.count, by: max(1, bytes.count / 31)) { #expect(failure(Array(bytes[..<count])) == .damaged) }
  }

  @Test("progress is told pass by pass, and a training can be stopped")
  func progress() throws {
    var trainer = TextClassifier.Trainer(Self.small)
    for text in Self.texts(120, seed: 1) { trainer.add(text.fields, label: text.label) }
    var epochs: [TextClassifier.Epoch] = []
    _ = try trainer.train(seed: 0) {
      epochs.append($0)
      return true
    }
    #expect(epochs.map(\.number) == Array(1...8))
    #expect(epochs[7].loss < epochs[0].loss)
    #expect(epochs[7].accuracy > 0.95)
    var failure: TextClassifier.TrainingFailure?
    do throws(TextClassifier.TrainingFailure) {
      _ = try trainer.train(seed: 0) { $0.number < 3 }
    } catch {
      failure = error
    }
    #expect(failure == .stopped)
  }

  @Test("nothing to learn from is said")
  func nothingToLearn() {
    func message(_ texts: [(String, String)]) -> String? {
      var trainer = TextClassifier.Trainer(Self.small)
      for text in texts { trainer.add(Self.words(text.0), label: Array(text.1.utf8)) }
      do throws(TextClassifier.TrainingFailure) {
        _ = try trainer.train(seed: 0)
        return nil
      } catch {
        return error.message
      }
    }
    #expect(message([]) == "there is no row to learn from")
    #expect(message([("a", "x"), ("b", "x")]) == "all rows have the label `x`: a classifier needs two classes or more")
    #expect(message([("", "x"), ("!?", "y")]) == "the texts are empty, or no word and no letter group occurs twice: nothing to learn from")
    #expect(message([("a", "x"), ("b", "y")]) == nil)
  }

  @Test("hyperparameters are checked by name")
  func hyperparameters() {
    var chosen = TextClassifier.Hyperparameters()
    #expect(chosen.set("epochs", to: 12) == nil)
    #expect(chosen.epochs == 12)
    #expect(chosen.set("epochs", to: 2.5) == "must be a whole number from 1 to 1000")
    #expect(chosen.set("learning_rate", to: -1) == "must be above 0 and at most 100")
    #expect(chosen.set("char_ngrams", to: 2) == "must be 0 (no characters) or a whole number from 3 to 8")
    for name in TextClassifier.Hyperparameters.names { #expect(chosen.set(name, to: -5) != nil) }
  }
}
