/**
 * What backends have put a user on, as stores keep it: a text for each channel. Pure.
 */
import { STANDING_MAX, type Standing, type StandingWish } from './registry.ts'
import { SluiceError } from '../errors.ts'
import { CHANNEL_RULE, isChannel } from '../protocol/channel.ts'

/** No channel and no session has it in its name. */
const SEPARATOR = ' '

export function standingText(channel: string, session: string | undefined): string {
  return session === undefined ? channel : `${channel}${SEPARATOR}${session}`
}

export function standingTexts({ channels, session }: StandingWish): string[] {
  return channels.map((channel) => standingText(channel, session))
}

export function standingIn(text: string): Standing {
  const at = text.indexOf(SEPARATOR)
  return at === -1
    ? { channel: text, session: undefined }
    : { channel: text.slice(0, at), session: text.slice(at + SEPARATOR.length) }
}

/** Whether this one goes with a wish to take off: without a session, the channel goes for every one of them. */
export function isTakenOff(text: string, { channels, session }: StandingWish): boolean {
  const one = standingIn(text)
  return channels.includes(one.channel) && (session === undefined || one.session === session)
}

/** `{"channels": […], "session"?}`, as backends ask for it. Fails with `bad_request`. */
export function standingWishIn({ channels, session }: Readonly<Record<string, unknown>>): StandingWish {
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > STANDING_MAX)
    throw new SluiceError('bad_request', `channels is a list of 1 to ${STANDING_MAX} names`)
  const unfit = channels.find((one) => !isChannel(one))
  if (unfit !== undefined)
    throw new SluiceError('bad_request', `${shown(unfit)} is no name of a channel: ${CHANNEL_RULE}`)
  if (session !== undefined && (typeof session !== 'string' || !STANDING_SESSION.test(session)))
    throw new SluiceError('bad_request', 'session is one of those that GET /v1/users/{user} answers')
  return { channels: channels as string[], session }
}

export const STANDING_SESSION = /^[A-Za-z0-9_-]{1,64}$/
const SHOWN_MAX = 150

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? typeof value).slice(0, SHOWN_MAX)
}

export function tooMuchStanding(user: string): SluiceError {
  return new SluiceError(
    'limit_exceeded',
    `${JSON.stringify(user)} would be put on more than ${STANDING_MAX} channels; take the user off others first`,
  )
}
