/**
 * V8's room for young objects. It doubles, up to twice 16 MB, whenever much of what was made lately is still there, and to load a gateway
 * is just that. What it has grown to stays resident: some 14 MB of which a node that has nobody connected has no use, and one with
 * traffic no need to keep from its start. So it does not grow before the command is at work, and from then on as V8 sees fit.
 *
 * Only that is changed: with a lower bound for its size (`--max-semi-space-size`) a node would collect more often under traffic.
 */
import { setFlagsFromString } from 'node:v8'

/** As V8 has it. */
const FACTOR = 2

/** To be called before anything large is loaded. */
export function holdYoungGeneration(): void {
  if (!isSetByOthers()) setFlagsFromString('--semi-space-growth-factor=1')
}

export function releaseYoungGeneration(): void {
  if (!isSetByOthers()) setFlagsFromString(`--semi-space-growth-factor=${FACTOR}`)
}

/** Whoever starts the process may know better. */
function isSetByOthers(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((words) =>
    words.includes('semi-space'),
  )
}
