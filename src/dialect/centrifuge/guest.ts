/**
 * What a client is told of itself when it is let in, and each time that its token is a fresh one. Pure.
 */
import type { Guest } from './verbs.ts'
import type { Clock } from '../../clock.ts'
import type { Identity } from '../../session/ports.ts'
import { planReauth, type ReauthOptions } from '../../session/reauth.ts'

/** Of the time until a token has to be renewed, each leaves out some at random: those of one deploy expire together. */
const JITTER_SHARE = 0.1

/** Before the session asks for it, whenever that is. */
export function refreshInMsOf(
  expiresAtMs: number | undefined,
  clock: Pick<Clock, 'now' | 'random'>,
  reauth: ReauthOptions,
): number | undefined {
  if (expiresAtMs === undefined) return undefined
  const expiresInMs = expiresAtMs - clock.now()
  const asked = [0, 1].map((random) => planReauth(expiresInMs, reauth, random).askInMs)
  return Math.min(...asked) * (1 - JITTER_SHARE * clock.random())
}

export function dataIn({ subs }: Identity): Guest['dataOf'] {
  return subs && ((channel) => subs.get(channel)?.data)
}
