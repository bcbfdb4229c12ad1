/** Something a person must put right before the stack can run. Its message says what is wrong and what to do. */
export class StackError extends Error {
  override readonly name = 'StackError';
}
