/**
 * Something that is there while anybody holds it.
 *
 *  H1 it begins with the first who holds it, and ends once nobody does
 *  H2 who lets go and takes it again in the same turn changes nothing: StrictMode mounts each component twice, and a list whose keys change
 *     mounts the new ones behind the old ones, both in one turn
 */
export class Held {
  readonly #begin: () => void
  readonly #end: () => void
  #holders = 0
  #there = false

  constructor(begin: () => void, end: () => void) {
    this.#begin = begin
    this.#end = end
  }

  /** The answer lets go; it is idempotent. */
  hold(): () => void {
    this.#holders++
    if (!this.#there) {
      this.#there = true
      this.#begin()
    }
    let mine = true
    return () => {
      if (!mine) return
      mine = false
      this.#holders--
      queueMicrotask(() => {
        if (this.#holders > 0 || !this.#there) return
        this.#there = false
        this.#end()
      })
    }
  }
}
