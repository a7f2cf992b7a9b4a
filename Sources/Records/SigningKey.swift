internal import Crypto
internal import Rows

/// What is wrong with a key; never what stands in it.
public struct KeyError: Error, Sendable, Equatable {
  public let message: String
  public let help: String
}

/// An Ed25519 private key, as `openssl genpkey -algorithm ed25519` writes it.
public struct SigningKey: Sendable {
  private let key: Curve25519.Signing.PrivateKey

  /// Reads a PEM file's text: PKCS #8 (RFC 8410), not encrypted.
  public init(pem text: String) throws(KeyError) {
    let der = try PEM.body(of: text, label: "PRIVATE KEY", "`openssl genpkey -algorithm ed25519 -out key.pem` makes one")
    // RFC 8410, section 7: the version, the algorithm 1.3.101.112, the 32 bytes in two octet strings; a public key may follow.
    let plain: [UInt8] = [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
    let withPublic: [UInt8] = [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
    guard der.starts(with: plain) && der.count == 48 || der.starts(with: withPublic) && der.count == 83,
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: Array(der[16..<48]))
    else {
      throw KeyError(message: "the private key is no Ed25519 key", help: "`openssl genpkey -algorithm ed25519 -out key.pem` makes one")
    }
    self.key = key
  }

  public var verifyingKey: VerifyingKey { VerifyingKey(key.publicKey) }

  /// The signature, 64 bytes.
  func signature(of message: [UInt8]) throws(KeyError) -> [UInt8] {
    do { return Array(try key.signature(for: message)) } catch { throw KeyError(message: "the key cannot sign", help: "make another one") }
  }
}

/// An Ed25519 public key, as `openssl pkey -pubout` writes it.
public struct VerifyingKey: Sendable {
  private static let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
  private let key: Curve25519.Signing.PublicKey

  init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

  /// Reads a PEM file's text: a SubjectPublicKeyInfo (RFC 8410), or the private key that it belongs to.
  public init(pem text: String) throws(KeyError) {
    if text.contains("-----BEGIN PRIVATE KEY-----") {
      self = try SigningKey(pem: text).verifyingKey
      return
    }
    let help = "`openssl pkey -in key.pem -pubout -out key.pub.pem` writes it"
    let der = try PEM.body(of: text, label: "PUBLIC KEY", help)
    guard der.starts(with: Self.prefix), der.count == 44, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: Array(der[12...])) else {
      throw KeyError(message: "the public key is no Ed25519 key", help: help)
    }
    self.key = key
  }

  /// The SHA-256 of the key's SubjectPublicKeyInfo: a name for it in an envelope.
  public var identifier: String { Digest.of(Self.prefix + Array(key.rawRepresentation)).hex }

  func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool { key.isValidSignature(signature, for: message) }
}

/// Keys in their text form (RFC 7468).
private enum PEM {
  static func body(of text: String, label: String, _ help: String) throws(KeyError) -> [UInt8] {
    guard let begin = text.firstRange(of: "-----BEGIN \(label)-----"), let end = text.firstRange(of: "-----END \(label)-----"),
      begin.upperBound <= end.lowerBound
    else {
      let isEncrypted = text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
      throw KeyError(
        message: isEncrypted ? "the private key is encrypted, and nobody is asked for passwords" : "this is no PEM file with a `\(label)`", help: help)
    }
    let letters = String(text[begin.upperBound..<end.lowerBound].filter { !$0.isWhitespace })
    guard let bytes = Base64.decode(letters) else { throw KeyError(message: "the PEM file is damaged", help: help) }
    return bytes
  }
}
