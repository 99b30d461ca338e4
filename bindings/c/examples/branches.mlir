// Two branches, each of which frees %a: the second one allocates %b while %a is still alive.
func.func @branches(%x: memref<256xi8>, %is_left: i1) {
  %a = memref.alloc() {alignment = 64 : i64} : memref<256xi8>
  memref.copy %x, %a : memref<256xi8> to memref<256xi8>
  cf.cond_br %is_left, ^left, ^right
^left:
  memref.dealloc %a : memref<256xi8>
  return
^right:
  %b = memref.alloc() {alignment = 64 : i64} : memref<256xi8>
  memref.copy %a, %b : memref<256xi8> to memref<256xi8>
  memref.dealloc %a : memref<256xi8>
  memref.copy %b, %x : memref<256xi8> to memref<256xi8>
  memref.dealloc %b : memref<256xi8>
  return
}
