// One head of attention, bufferised: as `-one-shot-bufferize` and `-buffer-deallocation` leave it.
func.func private @softmax(memref<128x128xf32>)

func.func @attention(%x: memref<128x64xf32>, %wq: memref<64x64xf32>, %wk: memref<64x64xf32>,
                     %wv: memref<64x64xf32>, %result: memref<128x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %q = memref.alloc() {alignment = 64 : i64} : memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%q : memref<128x64xf32>)
  linalg.matmul ins(%x, %wq : memref<128x64xf32>, memref<64x64xf32>)
                outs(%q : memref<128x64xf32>)
  %k = memref.alloc() {alignment = 64 : i64} : memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%k : memref<128x64xf32>)
  linalg.matmul ins(%x, %wk : memref<128x64xf32>, memref<64x64xf32>)
                outs(%k : memref<128x64xf32>)
  %kt = memref.alloc() {alignment = 64 : i64} : memref<64x128xf32>
  linalg.transpose ins(%k : memref<128x64xf32>) outs(%kt : memref<64x128xf32>) permutation = [1, 0]
  memref.dealloc %k : memref<128x64xf32>
  %scores = memref.alloc() {alignment = 64 : i64} : memref<128x128xf32>
  linalg.fill ins(%zero : f32) outs(%scores : memref<128x128xf32>)
  linalg.matmul ins(%q, %kt : memref<128x64xf32>, memref<64x128xf32>)
                outs(%scores : memref<128x128xf32>)
  memref.dealloc %kt : memref<64x128xf32>
  memref.dealloc %q : memref<128x64xf32>
  func.call @softmax(%scores) : (memref<128x128xf32>) -> ()
  %v = memref.alloc() {alignment = 64 : i64} : memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%v : memref<128x64xf32>)
  linalg.matmul ins(%x, %wv : memref<128x64xf32>, memref<64x64xf32>)
                outs(%v : memref<128x64xf32>)
  linalg.fill ins(%zero : f32) outs(%result : memref<128x64xf32>)
  linalg.matmul ins(%scores, %v : memref<128x128xf32>, memref<128x64xf32>)
                outs(%result : memref<128x64xf32>)
  memref.dealloc %v : memref<128x64xf32>
  memref.dealloc %scores : memref<128x128xf32>
  return
}
