/// Scores of one text answer against its references: the best one counts.
public enum TextScores {
  /// Equal but for white space at the ends: 1 or 0.
  public static func exactMatch(_ answer: [UInt8], _ references: [[UInt8]]) -> Double {
    let answer = trimmed(answer)
    return references.contains { trimmed($0) == answer } ? 1 : 0
  }

  /// Equal after SQuAD's normalisation (lower case, no ASCII punctuation, no articles, single spaces): 1 or 0.
  public static func squadExactMatch(_ answer: [UInt8], _ references: [[UInt8]]) -> Double {
    let answer = squadWords(answer)
    return references.contains { squadWords($0) == answer } ? 1 : 0
  }

  /// Harmonic mean of precision and recall of words, after SQuAD's normalisation (the rule of SQuAD 2.0 for empty answers).
  public static func squadF1(_ answer: [UInt8], _ references: [[UInt8]]) -> Double {
    let answer = squadWords(answer)
    return references.map { reference in
      let reference = squadWords(reference)
      if answer.isEmpty || reference.isEmpty { return answer == reference ? 1 : 0 }
      var counts: [[UInt8]: Int] = [:]
      for word in reference { counts[word, default: 0] += 1 }
      var common = 0
      for word in answer where counts[word, default: 0] > 0 {
        counts[word]! -= 1
        common += 1
      }
      return harmonic(common, answer.count, reference.count)
    }.max() ?? 0
  }

  /// ROUGE-n: F-measure of n-grams that both have (Lin 2004; words as the package rouge-score cuts them, without a stemmer).
  public static func rouge(_ n: Int, _ answer: [UInt8], _ references: [[UInt8]]) -> Double {
    func grams(_ words: [[UInt8]]) -> [[[UInt8]]] { words.count < n ? [] : (0...(words.count - n)).map { Array(words[$0..<($0 + n)]) } }
    let answer = grams(rougeWords(answer))
    return references.map { reference in
      let reference = grams(rougeWords(reference))
      var counts: [[[UInt8]]: Int] = [:]
      for gram in reference { counts[gram, default: 0] += 1 }
      var common = 0
      for gram in answer where counts[gram, default: 0] > 0 {
        counts[gram]! -= 1
        common += 1
      }
      return harmonic(common, answer.count, reference.count)
    }.max() ?? 0
  }

  /// ROUGE-L: F-measure of the longest common subsequence of words.
  public static func rougeL(_ answer: [UInt8], _ references: [[UInt8]]) -> Double {
    let answer = rougeWords(answer)
    return references.map { reference in
      let reference = rougeWords(reference)
      return harmonic(longestCommonSubsequence(answer, reference), answer.count, reference.count)
    }.max() ?? 0
  }

  private static func harmonic(_ common: Int, _ answer: Int, _ reference: Int) -> Double {
    guard common > 0 else { return 0 }
    let precision = Double(common) / Double(answer)
    let recall = Double(common) / Double(reference)
    return 2 * precision * recall / (precision + recall)
  }

  private static func longestCommonSubsequence(_ a: [[UInt8]], _ b: [[UInt8]]) -> Int {
    var row = Array(repeating: 0, count: b.count + 1)
    for word in a {
      var diagonal = 0
      for at in b.indices {
        let above = row[at + 1]
        row[at + 1] = word == b[at] ? diagonal + 1 : max(above, row[at])
        diagonal = above
      }
    }
    return row[b.count]
  }

  // MARK: words

  private static func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var text = text[...]
    while let first = text.first, isSpace(first) { text.removeFirst() }
    while let last = text.last, isSpace(last) { text.removeLast() }
    return text
  }

  /// Runs of a–z and 0–9.
  private static func rougeWords(_ text: [UInt8]) -> [[UInt8]] {
    TextFolding.lowercased(text).split { !((0x61...0x7A).contains($0) || (0x30...0x39).contains($0)) }.map(Array.init)
  }

  private static func squadWords(_ text: [UInt8]) -> [[UInt8]] {
    var kept: [UInt8] = []
    for byte in TextFolding.lowercased(text) where !isPunctuation(byte) { kept.append(byte) }
    var words: [[UInt8]] = []
    for word in kept.split(whereSeparator: { $0 == 0x20 || (0x09...0x0D).contains($0) }) where !articles.contains(Array(word)) { words.append(Array(word)) }
    return words
  }

  private static let articles: [[UInt8]] = ["a", "an", "the"].map { Array($0.utf8) }

  private static func isPunctuation(_ byte: UInt8) -> Bool {
    (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte) || (0x7B...0x7E).contains(byte)
  }
}
