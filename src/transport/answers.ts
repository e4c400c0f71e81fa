/**
 * Answers to publishers, gathered. What is published in one turn is appended together and answered together, one promise after the
 * other; each answer would be a system call of its own, and those to one socket leave in one.
 */

/** Who is answered. */
export interface Answered {
  /** In this order, and in as few system calls as there can be. */
  sayAll(texts: readonly string[]): void
}

export class Answers {
  #to: Answered | undefined
  #texts: string[] = []
  #due = false

  /** Is said once whatever is answered along with it has come, in the same turn. */
  add(to: Answered, text: string): void {
    if (this.#to !== to) {
      this.#say()
      this.#to = to
    }
    this.#texts.push(text)
    if (this.#due) return
    this.#due = true
    queueMicrotask(this.#end)
  }

  /** Something else is said to this one: it comes behind the answers that were there first. */
  sayBefore(to: Answered): void {
    if (this.#to === to) this.#say()
  }

  readonly #end = (): void => {
    this.#due = false
    this.#say()
  }

  #say(): void {
    const to = this.#to
    const texts = this.#texts
    // Before it is said: what is said asks for what is to come before it.
    this.#to = undefined
    this.#texts = []
    to?.sayAll(texts)
  }
}
