import type { HookPort } from '../../src/session/ports.ts'

/** No backend has a say. */
export const NO_HOOKS: HookPort = {
  mayConnect: () => undefined,
  asksFor: () => false,
  maySubscribe: () => undefined,
}
