/// Stochastic gradient descent on the loss of multinomial logistic regression, one text at a time, with steps that shrink feature by
/// feature: AdaGrad (Duchi, Hazan, Singer 2011) with one sum of squares per feature instead of one per weight, which costs half the
/// memory and no square root in the inner loop.
///
/// Single-threaded, and every sum runs in the order of its data: lanes of a vector are classes, never parts of one sum.
struct GradientDescent {
  private typealias Lanes = SIMD4<Float>

  private let classes: Int
  /// Vectors per feature.
  private let width: Int
  /// By feature and class.
  private var weights: [Lanes]
  private var biases: [Lanes]
  /// By feature: the sum of its squared gradients so far.
  private var squares: [Float]
  private var biasSquares: Float = 0
  /// By feature: its share of the penalty. A feature is only touched with its texts, the rarer, the more at once.
  private let decays: [Float]
  private let rate: Float

  init(classes: Int, decays: [Float], rate: Float) {
    self.classes = classes
    self.decays = decays
    self.rate = rate
    width = (classes + 3) / 4
    weights = Array(repeating: .zero, count: decays.count * width)
    biases = Array(repeating: .zero, count: width)
    squares = Array(repeating: 0, count: decays.count)
  }

  /// Sees every text once, in the given order.
  /// - Returns: the sum of losses and the number of texts judged right, each before the text was learnt from.
  mutating func pass(over order: [Int], targets: [Int], ends: [Int], features: [UInt32], values: [Float]) -> (loss: Double, right: Int) {
    var loss = 0.0
    var right = 0
    var gradient = [Lanes](repeating: .zero, count: width)
    weights.withUnsafeMutableBufferPointer { weights in
      squares.withUnsafeMutableBufferPointer { squares in
        gradient.withUnsafeMutableBufferPointer { gradient in
          features.withUnsafeBufferPointer { features in
            values.withUnsafeBufferPointer { values in
              for text in order {
                let range = (text == 0 ? 0 : ends[text - 1])..<ends[text]
                for lane in 0..<width { gradient[lane] = biases[lane] }
                for at in range { Self.add(weights, Int(features[at]) * width, width, times: values[at], to: gradient) }
                let judged = Self.turnIntoGradient(gradient, classes: classes, target: targets[text])
                loss += judged.loss
                if judged.isRight { right += 1 }
                if judged.square < Self.leastSquare { continue }
                biasSquares += judged.square
                let step = rate / (1 + biasSquares).squareRoot()
                for lane in 0..<width { biases[lane] -= step * gradient[lane] }
                for at in range {
                  let feature = Int(features[at])
                  let value = values[at]
                  squares[feature] += value * value * judged.square
                  let step = rate / (Self.smoothing + squares[feature]).squareRoot()
                  let keep = max(0, 1 - step * decays[feature])
                  Self.move(weights, feature * width, width, keep: keep, pull: step * value, along: gradient)
                }
              }
            }
          }
        }
      }
    }
    return (loss, right)
  }

  /// A text whose right class has about 0.98 already teaches next to nothing, and learning is half of the time.
  private static let leastSquare: Float = 1e-3
  /// Keeps the first steps of a feature finite.
  private static let smoothing: Float = 0.01

  @inline(__always)
  private static func add(
    _ weights: UnsafeMutableBufferPointer<Lanes>, _ from: Int, _ width: Int, times value: Float, to sums: UnsafeMutableBufferPointer<Lanes>
  ) {
    for lane in 0..<width { sums[lane] += value * weights[from + lane] }
  }

  @inline(__always)
  private static func move(
    _ weights: UnsafeMutableBufferPointer<Lanes>, _ from: Int, _ width: Int, keep: Float, pull: Float, along gradient: UnsafeMutableBufferPointer<Lanes>
  ) {
    for lane in 0..<width { weights[from + lane] = keep * weights[from + lane] - pull * gradient[lane] }
  }

  /// Scores to probabilities to the gradient of the loss; lanes behind the last class stay 0.
  private static func turnIntoGradient(
    _ lanes: UnsafeMutableBufferPointer<Lanes>, classes: Int, target: Int
  ) -> (loss: Double, square: Float, isRight: Bool) {
    lanes.withMemoryRebound(to: Float.self) { scores in
      var best = 0
      for index in 1..<classes where scores[index] > scores[best] { best = index }
      let top = Double(scores[best])
      let own = Double(scores[target]) - top
      var sum = 0.0
      for index in 0..<classes {
        let odds = Numbers.exp(Double(scores[index]) - top)
        sum += odds
        scores[index] = Float(odds)
      }
      let scale = Float(sum)
      var square: Float = 0
      for index in 0..<classes {
        scores[index] = scores[index] / scale - (index == target ? 1 : 0)
        square += scores[index] * scores[index]
      }
      return (Numbers.log(sum) - own, square, best == target)
    }
  }

  // MARK: what is kept

  /// The weights in steps of a 127th of the largest of their class. Those below two steps are left out: they change no more than one
  /// answer in a thousand, and are two weights of three.
  func quantized(
    buckets: [UInt32], frequencies: [UInt32], names: BucketNames
  ) -> (TextClassifier.Parameters, strongest: [[TextClassifier.NamedFeature]]) {
    var made = TextClassifier.Parameters(buckets: buckets, frequencies: frequencies)
    made.biases = (0..<classes).map { biases[$0 / 4][$0 % 4] }
    var largest = [Float](repeating: 0, count: classes)
    for place in buckets.indices { for index in 0..<classes { largest[index] = max(largest[index], weight(place, index).magnitude) } }
    made.stepSizes = largest.map { $0 / 127 }
    for place in buckets.indices {
      for index in 0..<classes where made.stepSizes[index] > 0 {
        let step = Int8((weight(place, index) / made.stepSizes[index]).rounded())
        guard step.magnitude > 1 else { continue }
        made.weightClasses.append(UInt16(index))
        made.weightSteps.append(step)
      }
      made.weightStarts.append(UInt32(made.weightSteps.count))
    }
    return (made, (0..<classes).map { strongest(for: $0, made, names) })
  }

  private func weight(_ place: Int, _ index: Int) -> Float { weights[place * width + index / 4][index % 4] }

  /// Words by weight times the logarithm of their frequency, so that one which occurs all over a class comes before one that was met twice.
  private func strongest(for index: Int, _ parameters: TextClassifier.Parameters, _ names: BucketNames) -> [TextClassifier.NamedFeature] {
    var found: [(place: Int, rank: Float)] = []
    for place in parameters.buckets.indices {
      let weight = weight(place, index)
      if weight > 0 { found.append((place, weight * Float(Numbers.log(1 + Double(parameters.frequencies[place]))))) }
    }
    found.sort { $0.rank != $1.rank ? $0.rank > $1.rank : $0.place < $1.place }
    var named: [TextClassifier.NamedFeature] = []
    for candidate in found where named.count < Self.strongestCount {
      guard let name = names.name(parameters.buckets[candidate.place], frequency: parameters.frequencies[candidate.place]) else { continue }
      named.append(TextClassifier.NamedFeature(text: name, weight: weight(candidate.place, index)))
    }
    return named
  }

  private static let strongestCount = 10
}
