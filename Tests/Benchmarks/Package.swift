// swift-tools-version: 6.0
import PackageDescription

// The benchmarks are a package apart: nobody who builds or tests `pipe` builds them.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  targets: [.executableTarget(name: "bench")]
)
