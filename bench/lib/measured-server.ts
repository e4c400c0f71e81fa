/**
 * The steps of every server that is measured: starting, collecting its garbage so that what stays resident is in use, and
 * profiling the part of a run that is measured.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { writeHeapSnapshot } from 'node:v8'
import { answerSteps } from './steps.ts'
import type { Ports } from '../peers/terms.ts'

/** One collection frees what the finalizers of the one before have let go. */
const COLLECTIONS = 4
const SAMPLING_INTERVAL_MICROS = 200
/** V8 doubles the young generation whenever as much as it holds has survived in it; a few dozen megabytes take it to its end. */
const YOUNG_ROUNDS = 30
const YOUNG_OBJECTS = 150_000

export function serve(start: () => Promise<Ports>): void {
  const inspector = new Session()
  answerSteps({
    start,
    async collect() {
      const { gc } = globalThis
      if (gc === undefined) throw new Error('the server was started without --expose-gc')
      for (let i = 0; i < COLLECTIONS; i++) {
        gc()
        // A turn of the loop in between, for what runs after a collection.
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    /**
     * Grows the young generation to the size that it would reach under traffic anyway and then keeps. It is bounded, however
     * many connections there are, and must not be taken for something that they hold.
     */
    ripen() {
      for (let round = 0; round < YOUNG_ROUNDS; round++) {
        const survivors = Array.from({ length: YOUNG_OBJECTS }, (_, index) => ({ index }))
        if (survivors.length !== YOUNG_OBJECTS) throw new Error('the young generation was not filled')
      }
    },
    writeSnapshot(file: string) {
      writeHeapSnapshot(file)
    },
    async startProfile() {
      inspector.connect()
      await inspector.post('Profiler.enable')
      await inspector.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_MICROS })
      await inspector.post('Profiler.start')
    },
    async writeProfile(file: string) {
      const { profile } = await inspector.post('Profiler.stop')
      writeFileSync(file, JSON.stringify(profile))
      inspector.disconnect()
    },
  })
}
