import { describe, expect, it } from 'vitest'
import { BacklogWatch } from '../../../src/drivers/backlog-watch.ts'

const LIMIT_BYTES = 65_536
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class Socket {
  buffered = 0
  looks = 0
  readonly #data: { watchedAt?: number | undefined } = {}

  getUserData(): { watchedAt?: number | undefined } {
    return this.#data
  }

  getBufferedAmount(): number {
    this.looks++
    return this.buffered
  }
}

function watched(count: number): { watch: BacklogWatch<Socket>; sockets: Socket[]; over: Socket[] } {
  const over: Socket[] = []
  const watch = new BacklogWatch<Socket>(LIMIT_BYTES, (socket) => over.push(socket))
  const sockets = Array.from({ length: count }, () => new Socket())
  for (const socket of sockets) watch.add(socket)
  return { watch, sockets, over }
}

describe('what waits for sockets whose library does not tell', () => {
  it('is looked at once a quarter of the limit has been published, and those above it are told', async () => {
    const { watch, sockets, over } = watched(3)
    const [full, exactly] = sockets as [Socket, Socket, Socket]
    full.buffered = LIMIT_BYTES + 1
    exactly.buffered = LIMIT_BYTES
    watch.published(LIMIT_BYTES / 4 - 1)
    await turn()
    expect(sockets.map(({ looks }) => looks)).toEqual([0, 0, 0])
    watch.published(1)
    // Not in the middle of a publish.
    expect(over).toEqual([])
    await turn()
    expect(over).toEqual([full])
  })

  it('is looked at once in a turn, however much is published in it', async () => {
    const { watch, sockets } = watched(2)
    for (let i = 0; i < 100; i++) watch.published(LIMIT_BYTES)
    await turn()
    await turn()
    expect(sockets.map(({ looks }) => looks)).toEqual([1, 1])
  })

  it('costs each socket one look for so many published bytes, so that many sockets are not looked at for each message', async () => {
    const { watch, sockets } = watched(2000)
    watch.published(100_000)
    await turn()
    expect(sockets[0]?.looks).toBe(0)
    watch.published(28_000)
    await turn()
    expect(sockets[0]?.looks).toBe(1)
  })

  it('is not looked at of one that has gone', async () => {
    const { watch, sockets, over } = watched(2)
    const [gone, here] = sockets as [Socket, Socket]
    gone.buffered = here.buffered = LIMIT_BYTES * 2
    watch.remove(gone)
    watch.published(LIMIT_BYTES)
    await turn()
    expect(gone.looks).toBe(0)
    expect(over).toEqual([here])
  })

  it('is looked at of each that is still there, whoever went and in whatever order, also while it is looked at', async () => {
    const { watch, sockets, over } = watched(6)
    const [first, second, third, , fifth] = sockets as [Socket, Socket, Socket, Socket, Socket]
    // One goes that never came so far, and one twice.
    for (const gone of [third, first, new Socket(), first]) watch.remove(gone)
    const late = new Socket()
    watch.add(late)
    const here = [...sockets.filter((socket) => socket !== first && socket !== third), late]
    for (const socket of here) socket.buffered = LIMIT_BYTES * 2
    watch.published(LIMIT_BYTES)
    await turn()
    expect(new Set(over)).toEqual(new Set(here))
    expect(here.map(({ looks }) => looks)).toEqual(here.map(() => 1))

    const ending = new BacklogWatch<Socket>(LIMIT_BYTES, (socket) => {
      ending.remove(socket)
      if (socket === second) ending.remove(fifth)
    })
    for (const socket of here) ending.add(socket)
    ending.published(LIMIT_BYTES)
    await turn()
    ending.published(LIMIT_BYTES)
    await turn()
    // Each has gone, by itself or with another, and none was passed over.
    expect(here.every(({ looks }) => looks === 2 || looks === 1)).toBe(true)
    expect(here.filter(({ looks }) => looks === 1).every((socket) => socket === fifth)).toBe(true)
  })
})
