public import Diagnostics
package import Lineage

/// A signed statement: DSSE 1.0 (Dead Simple Signing Envelope), as in-toto attestations use it.
public struct Envelope: Sendable, Equatable {
  public struct Signature: Sendable, Equatable {
    /// Which key it says to be of; not to be trusted.
    public var keyID: String
    public var bytes: [UInt8]
  }

  /// The media type of in-toto statements.
  public static let statementType = "application/vnd.in-toto+json"

  public var payloadType: String
  public var payload: [UInt8]
  public var signatures: [Signature]

  /// Signs a statement.
  public init(signing statement: [UInt8], with key: SigningKey) throws(KeyError) {
    payloadType = Self.statementType
    payload = statement
    signatures = [Signature(keyID: key.verifyingKey.identifier, bytes: try key.signature(of: Self.encoded(Self.statementType, statement)))]
  }

  /// What is signed: DSSE's pre-authentication encoding, so that a payload is never taken for one of another type.
  static func encoded(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
  }

  /// Whether one of the signatures is of this key.
  public func isSigned(by key: VerifyingKey) -> Bool {
    let message = Self.encoded(payloadType, payload)
    return signatures.contains { key.isValid($0.bytes, of: message) }
  }

  // MARK: JSON

  public var json: ReportJSON {
    .object([
      "payloadType": .string(payloadType), "payload": .string(Base64.encode(payload)),
      "signatures": .array(signatures.map { .object(["keyid": .string($0.keyID), "sig": .string(Base64.encode($0.bytes))]) }),
    ])
  }

  /// Reads an envelope; nil when the JSON is something else, or damaged.
  package init?(_ json: JSON) {
    guard let type = json["payloadType"]?.text, let payload = json["payload"]?.text.flatMap(Base64.decode), let list = json["signatures"]?.items else { return nil }
    var signatures: [Signature] = []
    for item in list {
      guard let bytes = item["sig"]?.text.flatMap(Base64.decode) else { return nil }
      signatures.append(Signature(keyID: item["keyid"]?.text ?? "", bytes: bytes))
    }
    (payloadType, self.payload, self.signatures) = (type, payload, signatures)
  }
}
