import Rows
import Store

extension Store {
  /// Keeps bytes whose digest is already known.
  func put(_ bytes: [UInt8], as digest: Digest) throws(StoreError) {
    // `withUnsafeBytes` forgets the type of what its closure throws.
    let result = bytes.withUnsafeBytes { raw -> Result<Void, StoreError> in
      do throws(StoreError) { return .success(try put(raw, as: digest)) } catch { return .failure(error) }
    }
    try result.get()
  }
}
