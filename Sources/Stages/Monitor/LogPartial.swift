internal import Engine
internal import Rows
internal import Statistics

/// What one chunk of the log or of the reference comes to: per window, what there is to know of its requests.
struct LogPartial {
  struct Window {
    var count = 0
    var errors = 0
    /// Rows with a status, and the first without one.
    var statusCount = 0
    var firstWithoutStatus: Int?
    var latencyCount = 0
    var firstWithoutLatency: Int?
    var latencies = FieldSample()
    /// The first row, from which the window's snapshot descends.
    var firstRow = 0
    var fields: [[UInt8]: FieldSample] = [:]
  }

  var windows: [Int: Window] = [:]
  /// Rows that `where` leaves out.
  var dropped: [Int] = []

  init() {}

  // MARK: Bytes

  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.number(dropped.count)
    for row in dropped { writer.number(row) }
    writer.number(windows.count)
    for (index, window) in windows.sorted(by: { $0.key < $1.key }) {
      writer.word(UInt64(bitPattern: Int64(index)))
      for number in [
        window.count, window.errors, window.statusCount, (window.firstWithoutStatus ?? -1) + 1, window.latencyCount,
        (window.firstWithoutLatency ?? -1) + 1, window.firstRow,
      ] { writer.number(number) }
      window.latencies.encode(into: &writer)
      writer.number(window.fields.count)
      for (name, sample) in window.fields.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        writer.blob(name)
        sample.encode(into: &writer)
      }
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    do throws(ByteReader.Malformed) {
      for _ in 0..<(try reader.count()) { dropped.append(try reader.number()) }
      for _ in 0..<(try reader.count()) {
        let index = Int(Int64(bitPattern: try reader.word()))
        var window = Window()
        window.count = try reader.number()
        window.errors = try reader.number()
        window.statusCount = try reader.number()
        let status = try reader.number()
        window.firstWithoutStatus = status == 0 ? nil : status - 1
        window.latencyCount = try reader.number()
        let latency = try reader.number()
        window.firstWithoutLatency = latency == 0 ? nil : latency - 1
        window.firstRow = try reader.number()
        window.latencies = try FieldSample(from: &reader)
        for _ in 0..<(try reader.count()) {
          let name = try reader.blob()
          window.fields[name] = try FieldSample(from: &reader)
        }
        windows[index] = window
      }
    } catch { preconditionFailure("a partial is what `encoded` wrote") }
  }
}
