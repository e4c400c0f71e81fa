/** What is still awaited: of each client on each channel, some message or a later one. Pure. */

export class Awaited {
  /** Client and channel, with the number of the message. */
  readonly #left = new Map<string, number>()

  await(client: string, channel: string, message: number): void {
    this.#left.set(`${client} ${channel}`, message)
  }

  /** Messages of a channel come in the order of its log, which is not that of their numbers: any later one will do. */
  heard(client: string, channel: string, message: number): void {
    const key = `${client} ${channel}`
    const wanted = this.#left.get(key)
    if (wanted !== undefined && message >= wanted) this.#left.delete(key)
  }

  get size(): number {
    return this.#left.size
  }

  get some(): string {
    return [...this.#left.keys()].slice(0, 5).join(', ')
  }
}
