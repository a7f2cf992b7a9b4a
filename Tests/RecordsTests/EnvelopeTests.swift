import Diagnostics
import Lineage
import Testing

@testable import Records

/// A pair of keys made for these tests by `openssl genpkey -algorithm ed25519`.
enum TestKeys {
  static let privateKey = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIFH3TeAcIoH9BVbPij8IVVKCCLPNWgBXuYl1RIYaxr3n
    -----END PRIVATE KEY-----

    """
  static let publicKey = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAp3WxynbNht/xTZhWOgYxzNygQA/ZF3G4p+HFmd663Uk=
    -----END PUBLIC KEY-----

    """
}

@Suite struct EnvelopeTests {
  @Test func base64ReadsWhatItWrites() {
    for count in 0..<20 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
    #expect(Base64.encode(Array("any carnal pleas".utf8)) == "YW55IGNhcm5hbCBwbGVhcw==")
    // Too short, padding in the middle, bits that no byte takes, a blank.
    for bad in ["a", "ab=c", "YW5=", "YW55IGNhcm5hbCBwbGVhcx==", "YW 5"] { #expect(Base64.decode(bad) == nil) }
  }

  @Test func theEncodingIsThatOfTheProtocol() {
    #expect(
      String(decoding: Envelope.encoded("http://example.com/HelloWorld", Array("hello world".utf8)), as: UTF8.self)
        == "DSSEv1 29 http://example.com/HelloWorld 11 hello world")
  }

  /// The signature was made by `openssl pkeyutl -sign -rawin` over the pre-authentication encoding.
  @Test func aSignatureByOpenSSLIsTaken() throws {
    let key = try VerifyingKey(pem: TestKeys.publicKey)
    let line = """
      {"payloadType":"application/vnd.in-toto+json","payload":"eyJfdHlwZSI6IngifQ==","signatures":[{"keyid":"","sig":"o3jcyiaHdrK5cu53PFZKz2G5QyfCn2NQmLdhUqMgexJbqE/KjzpuAGOnv9phb0gKSuHvPi6Io4S4hJcuaBbPCQ=="}]}
      """
    let envelope = JSON(Array(line.utf8)).flatMap { Envelope($0) }
    #expect(envelope?.isSigned(by: key) == true)
    #expect(key.identifier == "04afd20cfee1e27880fe70946583295f0cb1613c5ea9af1f3a529441a4b0d624")
    #expect(try VerifyingKey(pem: TestKeys.privateKey).identifier == key.identifier)
  }

  @Test func whatIsSignedReadsBack() throws {
    let key = try SigningKey(pem: TestKeys.privateKey)
    let envelope = try Envelope(signing: Array("{}".utf8), with: key)
    let read = JSON(Array(envelope.json.compact.utf8)).flatMap { Envelope($0) }
    #expect(read == envelope)
    #expect(envelope.isSigned(by: key.verifyingKey))
  }

  @Test func aBadKeyIsNamedAndNotShown() {
    let secret = "MC4CAQAwBQYDK2VwBCIEIFH3TeAcIoH9BVbPij8IVVKCCLPNWgBXuYl1RIYaxr"
    for text in [
      "", "junk", "-----BEGIN PRIVATE KEY-----\n\(secret)\n-----END PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
    ] {
      do throws(KeyError) {
        _ = try SigningKey(pem: text)
        Issue.record("a bad key was taken: \(text)")
      } catch {
        #expect(!error.message.contains("MC4C") && !error.help.contains("MC4C"))
        #expect(!error.message.isEmpty)
      }
    }
  }
}
