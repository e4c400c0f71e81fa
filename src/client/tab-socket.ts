/**
 * A WebSocket that is none: to the tab that leads, which speaks for the gateway.
 */
import { CLOSE } from '../dialect/sluice-v1/codes.ts'
import { CUT, type WebSocketConstructor, type WebSocketLike, type Wire } from './socket.ts'
import { TabBus, type Letter, type Locks } from './tab-bus.ts'

/** "Come back at once": another tab leads. */
export const MOVED = CLOSE.goingAway

export function tabSocket(name: string, locks: Locks): WebSocketConstructor {
  return class extends TabSocket {
    constructor() {
      super(name, locks)
    }
  }
}

/** Whoever holds this lock is there; it is given back however the tab ends. */
export function lockOf(name: string, tab: string): string {
  return `${name} ${tab}`
}

class TabSocket implements WebSocketLike {
  declare binaryType: string
  declare onopen: WebSocketLike['onopen']
  declare onmessage: WebSocketLike['onmessage']
  declare onerror: WebSocketLike['onerror']
  declare onclose: WebSocketLike['onclose']
  readonly #tab = crypto.randomUUID()
  readonly #bus: TabBus
  #state: 'connecting' | 'open' | 'closed' = 'connecting'
  #giveBack: () => void = () => undefined

  constructor(name: string, locks: Locks) {
    this.#bus = new TabBus(name, (letter) => this.#heard(letter))
    const held = (): Promise<void> =>
      new Promise((resolve) => {
        this.#giveBack = resolve
        if (this.#state === 'closed') resolve()
        else this.#bus.send({ kind: 'hello', tab: this.#tab })
      })
    locks.request(lockOf(name, this.#tab), {}, held).catch((error: unknown) => this.#end(CUT, String(error)))
  }

  send(data: Wire): void {
    if (this.#state === 'open') this.#bus.send({ kind: 'say', tab: this.#tab, data })
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#bus.send({ kind: 'bye', tab: this.#tab })
    this.#over()
  }

  #heard(letter: Letter): void {
    if (letter.kind === 'leader') {
      if (this.#state === 'open') this.#end(MOVED, 'another tab leads')
      else this.#bus.send({ kind: 'hello', tab: this.#tab })
    } else if (letter.tab !== this.#tab) return
    else if (letter.kind === 'open') {
      if (this.#state !== 'connecting') return
      this.#state = 'open'
      this.onopen?.({} as never)
    } else if (letter.kind === 'hear') {
      const { data } = letter
      // As a WebSocket gives binary data.
      this.onmessage?.({ data: typeof data === 'string' ? data : data.buffer } as never)
    } else if (letter.kind === 'close') this.#end(letter.code, letter.reason)
  }

  #end(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#over()
    this.onclose?.({ code, reason } as never)
  }

  #over(): void {
    this.#state = 'closed'
    this.#giveBack()
    this.#bus.close()
  }
}
