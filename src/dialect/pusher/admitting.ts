/**
 * Who may be on a channel, and as whom: what a subscribe or a sign-in shows is checked against the secrets of the app. Pure.
 */
import { kindOf, userOf, type ChannelKind } from './channel.ts'
import { FrameFault, jsonObjectIn, type Member, type Refusal, type Subscribe } from './frames.ts'
import { channelText, isSigned, userText, type Credential } from './signatures.ts'
import { isUnfit } from '../../protocol/message-id.ts'
import { onOneLine, rawMember } from '../../protocol/raw-json.ts'

/** Who has signed in on a connection. */
export interface User {
  readonly id: string
  /** JSON. */
  readonly info: string | undefined
  /** Of whose coming and going it wants to hear. */
  readonly watchlist: readonly string[]
}

/** What a connection shows itself with. */
export interface Shown {
  readonly socketId: string
  readonly credentials: readonly Credential[]
  readonly user: User | undefined
  readonly jsonDepthMax: number
}

export interface Refused {
  readonly type: Refusal
  readonly error: string
  readonly status: number
}

/** `member`: of a presence channel. */
export type Admitted = { readonly member: Member | undefined } | { readonly refused: Refused }

const MEMBER_CHARACTERS_MAX = 128
const USER_INFO_BYTES_MAX = 1024
export const WATCHLIST_MAX = 100

export function admissionOf(subscribe: Subscribe, shown: Shown): Admitted {
  const { channel, channelData } = subscribe
  const { access } = kindOf(channel)
  if (access === 'public') return { member: undefined }
  if (access === 'user') {
    const isHis = shown.user !== undefined && userOf(channel) === shown.user.id
    return isHis ? { member: undefined } : refused('only the user who has signed in gets his events')
  }
  if (!isSignedFor(subscribe, access, shown))
    return refused(`auth is not what the secret of the app signs for this socket_id and ${signedOf(access)}`)
  if (access === 'private') return { member: undefined }
  if (channelData === undefined) {
    const { user } = shown
    return user === undefined
      ? refused('channel_data is missing, and nobody has signed in')
      : { member: { id: user.id, info: user.info } }
  }
  try {
    return { member: memberIn(channelData, shown.jsonDepthMax) }
  } catch (error) {
    if (!(error instanceof FrameFault)) throw error
    return refused(error.message)
  }
}

/**
 * Some auth endpoints say who it is for private channels, too, and sign that; nobody is told, so a signature without it will do there. Of a
 * presence channel it is who the member is, so it has to be signed.
 */
function isSignedFor(
  { channel, auth, channelData }: Subscribe,
  access: 'private' | 'presence',
  { socketId, credentials }: Shown,
): boolean {
  const texts = [channelText(socketId, channel, channelData)]
  if (access === 'private' && channelData !== undefined) texts.push(channelText(socketId, channel, undefined))
  return texts.some((text) => isSigned(auth, text, credentials))
}

/** `undefined`: it is not signed by the app. Fails with `FrameFault` where it is, and is none. */
export function signedInAs(auth: string, userData: string, shown: Shown): User | undefined {
  if (!isSigned(auth, userText(shown.socketId, userData), shown.credentials)) return undefined
  const data = jsonObjectIn(userData, 'user_data', shown.jsonDepthMax, 1)
  const { id, watchlist } = data
  if (typeof id !== 'string') throw new FrameFault('id in user_data must be a text')
  checkId(id, 'id in user_data')
  if (watchlist !== undefined && !isTexts(watchlist))
    throw new FrameFault('watchlist in user_data must be a list of texts')
  return { id, info: infoIn(userData), watchlist: watchlist ?? [] }
}

function memberIn(channelData: string, jsonDepthMax: number): Member {
  const { user_id: given } = jsonObjectIn(channelData, 'channel_data', jsonDepthMax, 1)
  if (typeof given !== 'string' && typeof given !== 'number')
    throw new FrameFault('user_id in channel_data must be a text or a number')
  // A number that JavaScript would round is somebody else: there it stays as it is written.
  const id =
    typeof given === 'string' || Number.isSafeInteger(given)
      ? String(given)
      : (rawMember(channelData, 'user_id') ?? '')
  checkId(id, 'user_id in channel_data')
  return { id, info: infoIn(channelData) }
}

function checkId(id: string, what: string): void {
  if (id === '' || id.length > MEMBER_CHARACTERS_MAX || isUnfit(id))
    throw new FrameFault(
      `${what} must have 1 to ${MEMBER_CHARACTERS_MAX} characters, none of them for control`,
    )
}

/** As it came, on one line. */
function infoIn(data: string): string | undefined {
  const raw = rawMember(data, 'user_info')
  if (raw === undefined) return undefined
  const info = onOneLine(raw)
  if (Buffer.byteLength(info) > USER_INFO_BYTES_MAX)
    throw new FrameFault(`user_info must have at most ${USER_INFO_BYTES_MAX} bytes`)
  return info
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function signedOf(access: ChannelKind['access']): string {
  return access === 'presence' ? 'this channel with this channel_data' : 'this channel'
}

function refused(error: string): Admitted {
  return { refused: { type: 'AuthError', error, status: 401 } }
}
