/**
 * A token of the gateway in the place of a signature: so a client that comes back needs nothing of its backend.
 */
import type { Admitted } from './admitting.ts'
import { kindOf } from './channel.ts'
import type { Reception } from '../dialect.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'

const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** As of a member that an app signs. */
const MEMBER_CHARACTERS_MAX = 128

/** A signature has a colon, and no dots. */
export function isToken(auth: string | undefined): auth is string {
  return auth !== undefined && TOKEN.test(auth)
}

export interface ShownToken {
  readonly channel: string
  /** Its internal name, by which tokens name it. */
  readonly name: string
  readonly token: string
}

/** In a presence channel he is the user of the token: what his client says of him nobody has signed. Never fails. */
export async function admittedByToken(
  { channel, name, token }: ShownToken,
  reception: Pick<Reception, 'identify' | 'prove'>,
): Promise<Admitted> {
  const { access } = kindOf(channel)
  try {
    if (access === 'user')
      throw new SluiceError('forbidden', 'only the user who has signed in gets his events')
    const { user } = await reception.identify(token)
    const { permissions } = await reception.prove(token, user)
    if (!permissions.maySubscribe(name))
      throw new SluiceError('forbidden', `the token does not allow to subscribe to ${name}`)
    if (access !== 'presence') return { member: undefined }
    if (user.length > MEMBER_CHARACTERS_MAX)
      throw new SluiceError('forbidden', `a member has at most ${MEMBER_CHARACTERS_MAX} characters`)
    return { member: { id: user, info: undefined } }
  } catch (thrown) {
    const { code, message, status } = asSluiceError(thrown)
    return { refused: { type: code === 'unavailable' ? 'Unavailable' : 'AuthError', error: message, status } }
  }
}
