// One head of attention, bufferised: as `-one-shot-bufferize` and `-buffer-deallocation` leave it.
func.func private @softmax(memref<128x128xf32>)

func.func @attention(%x: memref<128x64xf32>, %wq: memref<64x64xf32>, %wk: memref<64x64xf32>,
                     %wv: memref<64x64xf32>, %result: memref<128x64xf32>) {
  %arena = memref.alloc() {alignment = 64 : i64} : memref<131072xi8>
  %zero = arith.constant 0.0 : f32
  %q_offset = arith.constant 98304 : index
  %q = memref.view %arena[%q_offset][] : memref<131072xi8> to memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%q : memref<128x64xf32>)
  linalg.matmul ins(%x, %wq : memref<128x64xf32>, memref<64x64xf32>)
                outs(%q : memref<128x64xf32>)
  %k_offset = arith.constant 0 : index
  %k = memref.view %arena[%k_offset][] : memref<131072xi8> to memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%k : memref<128x64xf32>)
  linalg.matmul ins(%x, %wk : memref<128x64xf32>, memref<64x64xf32>)
                outs(%k : memref<128x64xf32>)
  %kt_offset = arith.constant 65536 : index
  %kt = memref.view %arena[%kt_offset][] : memref<131072xi8> to memref<64x128xf32>
  linalg.transpose ins(%k : memref<128x64xf32>) outs(%kt : memref<64x128xf32>) permutation = [1, 0]
  %scores_offset = arith.constant 0 : index
  %scores = memref.view %arena[%scores_offset][] : memref<131072xi8> to memref<128x128xf32>
  linalg.fill ins(%zero : f32) outs(%scores : memref<128x128xf32>)
  linalg.matmul ins(%q, %kt : memref<128x64xf32>, memref<64x128xf32>)
                outs(%scores : memref<128x128xf32>)
  func.call @softmax(%scores) : (memref<128x128xf32>) -> ()
  %v_offset = arith.constant 65536 : index
  %v = memref.view %arena[%v_offset][] : memref<131072xi8> to memref<128x64xf32>
  linalg.fill ins(%zero : f32) outs(%v : memref<128x64xf32>)
  linalg.matmul ins(%x, %wv : memref<128x64xf32>, memref<64x64xf32>)
                outs(%v : memref<128x64xf32>)
  linalg.fill ins(%zero : f32) outs(%result : memref<128x64xf32>)
  linalg.matmul ins(%scores, %v : memref<128x128xf32>, memref<128x64xf32>)
                outs(%result : memref<128x64xf32>)
  memref.dealloc %arena : memref<131072xi8>
  return
}
