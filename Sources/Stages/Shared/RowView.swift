internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The fields of one row, found in one pass, for those who look at several of them.
///
/// A worker keeps one and reads row after row into it.
final class RowView {
  private var fields: [(key: Range<Int>, value: Range<Int>)] = []
  private(set) var row = UnsafeRawBufferPointer(start: nil, count: 0)

  /// Takes a compact row in; it must stay where it is while its fields are looked at.
  func read(_ row: UnsafeRawBufferPointer) {
    self.row = row
    fields.removeAll(keepingCapacity: true)
    JSONScanner.forEachField(row) { key, value in
      fields.append((key, value))
      return true
    }
  }

  /// The value of a field, whose name is given as it stands in JSON; nil when the row has no such field.
  func value(_ token: [UInt8]) -> UnsafeRawBufferPointer? {
    token.withUnsafeBytes { wanted in
      for field in fields where field.key.count == wanted.count {
        if memcmp(row.baseAddress! + field.key.lowerBound, wanted.baseAddress!, wanted.count) == 0 {
          return UnsafeRawBufferPointer(rebasing: row[field.value])
        }
      }
      return nil
    }
  }
}
