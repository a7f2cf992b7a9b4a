// swift-tools-version: 6.0
import PackageDescription

// Every target is held to the same language rules; see CONTRIBUTING.md for why.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Debug builds, and with them the tests, check at run time that no two accesses overlap; a release build does without.
/// Not the library `Templates`: a package with such a flag cannot be depended on.
let unchecked: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// A module of ours: arrows go down the list below, never up, never sideways.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, exclude: excluded[name] ?? [], swiftSettings: strict + (name == "Templates" ? [] : unchecked))
}

/// The folders of the stage kinds; before what uses it, since a manifest runs from top to bottom.
let kinds = [
  "Ingest",
  "Assemble",
  "LabelMerge",
  "Export",
  "Exec",
  "Evaluate",
  "Monitor",
  "TrainSubmit",
]

/// Files that live beside the code but are not code.
let excluded: [String: [String]] = [
  "Stages": kinds.flatMap { ["\($0)/README.md", "\($0)/Golden"] },
  "ManifestsTests": ["Golden", "Examples"],
  "ReadersTests": ["Golden"],
  "DiffTests": ["Golden"],
  "RecordsTests": ["Golden"],
  "ReportsTests": ["Golden"],
]

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: excluded[name] ?? [], swiftSettings: strict)
}

let package = Package(
  name: "pipe",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "pipe", targets: ["pipe"]),
    .library(name: "Templates", targets: ["Templates"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    // C: a module map each, nothing else.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"]), .brew(["libarchive"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),

    .systemLibrary(name: "CSpawn"),

    // Level 0
    module("Diagnostics", []),
    module("Rows", [.product(name: "Crypto", package: "swift-crypto")]),
    module("SQLite", ["CSQLite"]),
    module("Statistics", []),

    // Level 1
    module("Manifests", ["Diagnostics", "CYAML"]),
    module("Templates", []),
    module("Store", ["Rows"]),
    module("Lineage", ["Rows", "SQLite"]),
    module("Processes", ["CSpawn"]),
    module("Readers", ["Diagnostics", "Rows", "CSQLite", "CArchive"]),

    // Level 2
    module("Engine", ["Diagnostics", "Rows", "Manifests", "Templates", "Store", "Lineage", "Readers", "Processes"]),
    module("Reports", ["Diagnostics", "Rows", "Store", "Lineage"]),
    module("Records", ["Diagnostics", "Rows", "Lineage", .product(name: "Crypto", package: "swift-crypto")]),

    // Level 3
    module("Stages", ["Diagnostics", "Rows", "Manifests", "Templates", "Processes", "Readers", "Statistics", "Engine"]),

    // Level 4
    .executableTarget(
      name: "pipe",
      dependencies: [
        "Diagnostics", "Rows", "Manifests", "Templates", "Store", "Lineage", "Processes", "Engine", "Reports", "Records", "Stages",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    tests("DiagnosticsTests", ["Diagnostics"]),
    tests("RowsTests", ["Rows"]),
    tests("StatisticsTests", ["Statistics"]),
    tests("ManifestsTests", ["Diagnostics", "Manifests"]),
    tests("StoreTests", ["Rows", "Store"]),
    tests("SQLiteTests", ["SQLite"]),
    tests("LineageTests", ["Rows", "SQLite", "Lineage"]),
    tests("ProcessesTests", ["Processes"]),
    tests("ReportsTests", ["Diagnostics", "Lineage", "Reports"]),
    tests("RecordsTests", ["Diagnostics", "Rows", "Lineage", "Records"]),
    tests("EngineTests", ["Diagnostics", "Rows", "Readers", "SQLite", "Store", "Lineage", "Engine"]),
    tests("ReadersTests", ["Readers", "Rows", "CSQLite", "Diagnostics"]),
    tests("TemplatesTests", ["Templates"]),
    tests("StagesTests", ["Diagnostics", "Rows", "Manifests", "Readers", "Statistics", "Engine", "Stages"]),
    tests("DiffTests", ["Diagnostics", "Rows", "Store", "Readers", "Lineage", "Engine", "Reports", "Stages"]),
    tests("EndToEnd", ["pipe"]),
  ]
)
