extension Machine {
  /// A stable sort whose comparison may fail.
  func mergeSort<T>(_ a: inout [T], _ less: (T, T) throws(Fault) -> Bool) throws(Fault) {
    let n = a.count
    if n < 2 { return }
    try burn(n)
    // Insertion sort for short runs, then merges.
    let run = 8
    var i = 0
    while i < n {
      let end = min(i + run, n)
      var k = i + 1
      while k < end {
        let x = a[k]
        var j = k
        while j > i, try less(x, a[j - 1]) {
          a[j] = a[j - 1]
          j -= 1
        }
        a[j] = x
        k += 1
      }
      i = end
    }
    var width = run
    var buffer = a
    while width < n {
      try burn(n)
      var lo = 0
      while lo < n {
        let mid = min(lo + width, n)
        let hi = min(lo + 2 * width, n)
        var (x, y, o) = (lo, mid, lo)
        while x < mid, y < hi {
          if try less(a[y], a[x]) {
            buffer[o] = a[y]
            y += 1
          } else {
            buffer[o] = a[x]
            x += 1
          }
          o += 1
        }
        while x < mid {
          buffer[o] = a[x]
          x += 1
          o += 1
        }
        while y < hi {
          buffer[o] = a[y]
          y += 1
          o += 1
        }
        lo = hi
      }
      swap(&a, &buffer)
      width *= 2
    }
  }
}
