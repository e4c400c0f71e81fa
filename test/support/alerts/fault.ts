/** What is wrong for a while, and which alerts it has to make. */
import { setTimeout as delay } from 'node:timers/promises'
import type { AlertName } from './watch.ts'
import type { AlertWorld } from './world.ts'

export type End = () => Promise<unknown>

export interface Fault {
  readonly what: string
  readonly makes: readonly AlertName[]
  /** What a dashboard asks for that is seen while it is wrong, and else not surely. */
  readonly shows?: string
  /** Resolves once it is wrong, with what makes it good again. */
  readonly begin: (world: AlertWorld) => Promise<End>
}

/** One after the other until it is ended. Fails there with what has failed meanwhile. */
export function againAndAgain(pauseMs: number, act: () => Promise<unknown>): End {
  let isOn = true
  const running = (async () => {
    while (isOn) {
      await act()
      await delay(pauseMs)
    }
  })()
  // Told by whoever ends it.
  running.catch(() => undefined)
  return async () => {
    isOn = false
    await running
  }
}

/** What is typed into a shell, and what is typed to undo it. */
export function typed(what: string, makes: readonly AlertName[], breaks: string, heals = 'true'): Fault {
  return {
    what,
    makes,
    begin: async (world) => {
      await world.type(breaks)
      return () => world.type(heals)
    },
  }
}
