// Samples, and the documents and pages of them, for tests: all that is in `samples/`.
//
// Invariant: a sample depends on its arguments alone, and no two of its tensors that are alive
// together share a byte, unless one lies within the other.

export * from './samples/model.ts';
export * from './samples/document.ts';
export * from './samples/known.ts';
export * from './samples/generated.ts';
export * from './samples/hostile.ts';
