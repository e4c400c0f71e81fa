/**
 * An answer that is there at once where nothing has to be waited for, as with all that this process keeps in its own memory, and
 * a promise of it where a store has to be asked. A promise is taken up a turn later and costs more than most of what such a store
 * in memory does, so whoever serves thousands of these a second looks which one it is. `await` takes both.
 */

export type Answer<T> = T | Promise<T>

/** `map` is called at once where the answer is there. */
export function after<T, U>(answer: Answer<T>, map: (value: T) => Answer<U>): Answer<U> {
  return answer instanceof Promise ? answer.then(map) : map(answer)
}

export function allOf<T>(answers: readonly Answer<T>[]): Answer<readonly T[]> {
  return answers.some((one) => one instanceof Promise) ? Promise.all(answers) : (answers as readonly T[])
}
