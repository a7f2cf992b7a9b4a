#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The arguments of a call: positional ones, then those with names.
struct Args {
  var base: UnsafeMutablePointer<V>
  var count: Int
  var named: NameTable?

  @inline(__always) subscript(i: Int) -> V { i < count ? base[i] : .missing }
  var namedCount: Int { named?.count ?? 0 }
  func name(_ i: Int) -> V { named!.names[i] }
  func namedValue(_ i: Int) -> V { base[count + i] }

  /// The argument of a name.
  func value(_ name: StaticString) -> V? {
    for i in 0..<namedCount where self.name(i).isText(name) { return namedValue(i) }
    return nil
  }
}

extension V {
  func isText(_ s: StaticString) -> Bool {
    tag == .str && count == s.utf8CodeUnitCount && memcmp(chars, s.utf8Start, count) == 0
  }
}
