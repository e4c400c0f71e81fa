/**
 * What a backend asks to know of channels beside what it does. Pure.
 */
import { SluiceError } from '../../errors.ts'

/** An event goes to so many channels at most, as at Pusher. */
export const CHANNELS_MAX = 100

const ATTRIBUTES = ['user_count', 'subscription_count', 'cache'] as const
export type Attribute = (typeof ATTRIBUTES)[number]

/** What of a channel is asked for, in a list separated by commas. Fails with `bad_request`. */
export function attributesIn(info: unknown): ReadonlySet<Attribute> {
  if (info === undefined || info === null || info === '') return new Set()
  if (typeof info !== 'string') throw new SluiceError('bad_request', 'info must be a text')
  const names = info.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !(ATTRIBUTES as readonly string[]).includes(name))
  if (unknown === undefined) return new Set(names as Attribute[])
  throw new SluiceError(
    'bad_request',
    `info has ${JSON.stringify(unknown.slice(0, 40))}; it takes ${ATTRIBUTES.join(', ')}`,
  )
}
