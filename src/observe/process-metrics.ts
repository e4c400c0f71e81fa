/**
 * What Prometheus expects to know about any process, by the usual names. Libraries have such a list, but with
 * each scrape theirs reads the directory of open files, which stops a node with 100,000 connections for a long moment, and
 * their lag of the event loop comes from a histogram that is blind while the loop is at its slowest.
 */
import { performance } from 'node:perf_hooks'

export interface ProcessMetric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  read(): number
}

const MICROSECONDS = 1e-6
const MILLISECONDS = 1e-3

export const PROCESS_METRICS: readonly ProcessMetric[] = [
  {
    name: 'process_cpu_user_seconds_total',
    kind: 'counter',
    help: 'CPU time of the process outside the kernel.',
    read: () => process.cpuUsage().user * MICROSECONDS,
  },
  {
    name: 'process_cpu_system_seconds_total',
    kind: 'counter',
    help: 'CPU time of the process in the kernel, where sockets are written.',
    read: () => process.cpuUsage().system * MICROSECONDS,
  },
  {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Resident memory, that of sockets outside the JavaScript heap included.',
    read: () => process.memoryUsage.rss(),
  },
  {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    help: 'When the process started, in seconds since 1970.',
    read: () => performance.timeOrigin * MILLISECONDS,
  },
  {
    name: 'nodejs_heap_size_used_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use.',
    read: () => process.memoryUsage().heapUsed,
  },
  {
    name: 'nodejs_heap_size_total_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use and reserved.',
    read: () => process.memoryUsage().heapTotal,
  },
  {
    name: 'nodejs_external_memory_bytes',
    kind: 'gauge',
    help: 'Memory of buffers outside the JavaScript heap.',
    read: () => process.memoryUsage().external,
  },
  {
    name: 'nodejs_eventloop_busy_seconds_total',
    kind: 'counter',
    help: 'Time in which the event loop was not idle; its rate is the share of one core that is used.',
    read: () => performance.eventLoopUtilization().active * MILLISECONDS,
  },
]
