/**
 * The shelves of the registry in Redis: a hash for each, whose fields end by themselves.
 */
import { pairs } from './node-table.ts'
import { registryScript, texts, type Run } from './redis-scripts.ts'
import { SHELVES, type Shelf, type Swapped } from './registry.ts'

const PUT = registryScript('put', 1, ['shelf'])
const SWAP = registryScript('swap', 1, ['shelf'])
const TAKE = registryScript('take', 1)
const READ = registryScript('read', 1)
export const SHELF_SCRIPTS = [PUT, SWAP, TAKE, READ]

export class RedisShelves {
  readonly #run: Run
  readonly #prefix: string

  constructor(run: Run, prefix: string) {
    this.#run = run
    this.#prefix = prefix
  }

  async put(shelf: Shelf, key: string, text: string, ttlMs: number): Promise<void> {
    await this.#run('hot', PUT, [this.#shelfKey(shelf), key, text, ttlMs, SHELVES[shelf]])
  }

  async take(shelf: Shelf, key: string): Promise<boolean> {
    return (await this.#run('hot', TAKE, [this.#shelfKey(shelf), key])) === 1
  }

  async read(shelf: Shelf, keys?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (keys?.length === 0) return new Map()
    const answer = await this.#run('hot', READ, [this.#shelfKey(shelf), ...(keys ?? [])])
    return new Map(pairs(texts(answer as Buffer[])))
  }

  async swap(
    shelf: Shelf,
    key: string,
    before: string | undefined,
    text: string,
    ttlMs: number,
  ): Promise<Swapped> {
    const args = [key, text, ttlMs, SHELVES[shelf], ...(before === undefined ? [] : [before])]
    const answer = await this.#run('hot', SWAP, [this.#shelfKey(shelf), ...args])
    const [done, time] = answer as [number, Buffer]
    return { done: done === 1, nowMs: Number(time) }
  }

  #shelfKey(shelf: Shelf): string {
    return `${this.#prefix}:${shelf}`
  }
}
