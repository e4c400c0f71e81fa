/**
 * The steps of every server that is measured: starting, collecting its garbage so that what stays resident is in use, and
 * profiling the part of a run that is measured.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { getHeapSpaceStatistics, writeHeapSnapshot } from 'node:v8'
import { answerSteps } from './steps.ts'
import type { Ports } from '../peers/terms.ts'

/** One collection frees what the finalizers of the one before have let go. */
const COLLECTIONS = 2
const SAMPLING_INTERVAL_MICROS = 200
/** Of V8's heap: what was made lately. */
const YOUNG_SPACES = ['new_space', 'new_large_object_space']

/** `start` gets what the runner says of it: nothing, for most. */
export function serve(start: (options: never) => Promise<Ports>): void {
  const inspector = new Session()
  const collector = new Session()
  answerSteps({
    start,
    /**
     * As V8 collects by itself once a process has been idle for three quarters of a minute: pages that are half empty by then, because
     * much was made and let go at once, are put together and given back. A plain collection leaves them, and how many there are is chance.
     *
     * Answers how much is resident of the room for young objects. It grows and shrinks between 1 and 32 MB with what was made lately, however
     * many connections there are, and must not be taken for something that they hold.
     */
    async collect() {
      collector.connect()
      for (let i = 0; i < COLLECTIONS; i++) {
        await collector.post('HeapProfiler.collectGarbage')
        // A turn of the loop in between, for what runs after a collection.
        await new Promise((resolve) => setImmediate(resolve))
      }
      collector.disconnect()
      return getHeapSpaceStatistics()
        .filter(({ space_name: name }) => YOUNG_SPACES.includes(name))
        .reduce((bytes, { physical_space_size: size }) => bytes + size, 0)
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
