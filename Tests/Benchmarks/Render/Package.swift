// swift-tools-version: 6.0
import PackageDescription

let package = Package(
  name: "RenderBench",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "pipe", path: "../../..")],
  targets: [.executableTarget(name: "RenderBench", dependencies: [.product(name: "Templates", package: "pipe")])]
)
