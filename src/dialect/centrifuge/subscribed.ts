/**
 * What a client is subscribed to, by the names of the gateway. An idle client does without: each part is made with the first that needs it.
 */
export class Subscribed {
  /** From the moment in which they are asked for. */
  #all: Set<string> | undefined
  /** Those of them that the client has not asked for, and cannot ask for again. */
  #byServer: Set<string> | undefined
  /** Of these the client knows already that something was lost, from the answer to its subscribe. */
  #toldLost: Set<string> | undefined

  has(channel: string): boolean {
    return this.#all?.has(channel) === true
  }

  isByServer(channel: string): boolean {
    return this.#byServer?.has(channel) === true
  }

  add(channel: string): void {
    ;(this.#all ??= new Set()).add(channel)
  }

  addByServer(channel: string): void {
    this.add(channel)
    ;(this.#byServer ??= new Set()).add(channel)
  }

  /** The client asks for a channel. False: it has a subscription of its own already. One of the server it may take over. */
  ask(channel: string): boolean {
    if (this.has(channel) && this.#byServer?.delete(channel) !== true) return false
    this.add(channel)
    return true
  }

  /** Whether it was there. */
  delete(channel: string): boolean {
    this.#byServer?.delete(channel)
    return this.#all?.delete(channel) === true
  }

  /** The client is told in an answer that something was lost. */
  toldLost(channel: string): void {
    ;(this.#toldLost ??= new Set()).add(channel)
  }

  /** Whether it was told, once. */
  takeLost(channel: string): boolean {
    return this.#toldLost?.delete(channel) === true
  }
}
