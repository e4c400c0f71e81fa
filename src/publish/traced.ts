/**
 * A publish as a span, from its door to its answer. For those that are traced: the others do not come here.
 */
import type { Published, PublishRequest } from './publisher.ts'
import type { Answer } from '../answer.ts'
import { SluiceError } from '../errors.ts'
import type { Tracing } from '../tracing.ts'

/** `run` is given the span that everything else of the message belongs to; `undefined`: this one is not recorded. */
export function traced(
  tracing: Tracing,
  { door, target, payload, id, trace }: PublishRequest,
  run: (trace: string | undefined) => Answer<Published>,
): Answer<Published> {
  const span = tracing.begin('publish', trace, {
    'messaging.system': 'sluice',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'channel' in target ? target.channel : '@inbox',
    'messaging.message.id': id,
    'messaging.message.body.size': payload.data.length,
    'sluice.door': door,
    // Whose inbox, where it is one: a backend's trace is its own.
    ...('user' in target ? { 'enduser.id': target.user } : {}),
  })
  if (span === undefined) return run(undefined)
  const failed = (error: unknown): never => {
    span.end(error instanceof SluiceError ? { 'error.type': error.code } : {}, error)
    throw error
  }
  const published = (done: Published): Published => {
    const { epoch, offset, duplicate, degraded } = done
    span.end({
      'sluice.epoch': epoch,
      'sluice.offset': offset,
      'sluice.duplicate': duplicate,
      'sluice.degraded': degraded,
    })
    return done
  }
  try {
    const answer = run(span.traceparent)
    return answer instanceof Promise ? answer.then(published, failed) : published(answer)
  } catch (error) {
    return failed(error)
  }
}
