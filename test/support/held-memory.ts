/** What a process holds when its garbage is collected: on the heap and in buffers. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export async function heldBytes(): Promise<{ readonly heap: number; readonly buffers: number }> {
  // Buffers go when what refers to them has gone, a turn later.
  for (let i = 0; i < 4; i++) {
    collect()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers }
}
