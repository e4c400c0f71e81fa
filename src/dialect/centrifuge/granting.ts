/**
 * What becomes of a token for one channel.
 */
import { ERROR } from './codes.ts'
import type { SubRefreshResult } from './messages.ts'
import { Refusal } from './requests.ts'
import type { Verbs } from './verbs.ts'
import { SluiceError } from '../../errors.ts'

/** Where the client brings one. Fails with a `Refusal` in the words by which it acts. */
export async function grantOf(
  verbs: Pick<Verbs, 'grant'>,
  channel: string,
  token = '',
): Promise<SubRefreshResult> {
  if (token === '') return {}
  try {
    return await verbs.grant(channel, token)
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'unauthorized') throw error
    const reply = error.freshTokenHelps ? ERROR.tokenExpired : ERROR.permissionDenied
    throw new Refusal({ ...reply, message: error.message })
  }
}
