// Two branches, each of which frees %a: the second one allocates %b while %a is still alive.
func.func @branches(%x: memref<256xi8>, %is_left: i1) {
  %arena = memref.alloc() {alignment = 64 : i64} : memref<512xi8>
  %a_offset = arith.constant 0 : index
  %a = memref.view %arena[%a_offset][] : memref<512xi8> to memref<256xi8>
  memref.copy %x, %a : memref<256xi8> to memref<256xi8>
  cf.cond_br %is_left, ^left, ^right
^left:
  memref.dealloc %arena : memref<512xi8>
  return
^right:
  %b_offset = arith.constant 256 : index
  %b = memref.view %arena[%b_offset][] : memref<512xi8> to memref<256xi8>
  memref.copy %a, %b : memref<256xi8> to memref<256xi8>
  memref.copy %b, %x : memref<256xi8> to memref<256xi8>
  memref.dealloc %arena : memref<512xi8>
  return
}
