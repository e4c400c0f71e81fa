/**
 * A chart over the last minutes. What it shows is also there as text: the legend has the newest values.
 */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

export interface Series {
  readonly name: string
  readonly values: readonly (number | null)[]
}

export interface ChartProps {
  readonly title: string
  /** In seconds since 1970. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
  readonly unit: string
  readonly shown: (value: number) => string
}

const HEIGHT_PX = 180
const COLOURS = 8
const MIN_SPAN_S = 60

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function optionsOf({ series, shown }: ChartProps, width: number): uPlot.Options {
  const grid = { stroke: colour('--line'), width: 1 }
  const text = { stroke: colour('--quiet'), font: '12px system-ui, sans-serif', grid, ticks: { show: false } }
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { show: false },
    scales: {
      // A chart that has just begun is not stretched.
      x: { range: (_, min, max) => [Math.min(min, max - MIN_SPAN_S), max] },
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...text, size: 28, space: 90, values: '{HH}:{mm}:{ss}' },
      { ...text, size: 56, space: 36, values: (_, values) => values.map(shown) },
    ],
    series: [
      {},
      ...series.map(({ name }, index) => ({
        label: name,
        stroke: colour(`--series-${index % COLOURS}`),
        width: 2,
        dash: index < COLOURS ? [] : [6, 4],
        points: { show: false },
      })),
    ],
  }
}

export function Chart(props: ChartProps) {
  const { title, times, series, unit, shown } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const names = series.map(({ name }) => name).join('\n')
  const data = (): uPlot.AlignedData => [[...times], ...series.map(({ values }) => [...values])]
  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(props, element.clientWidth), data(), element)
    }
    draw()
    const theme = matchMedia('(prefers-color-scheme: dark)')
    theme.addEventListener('change', draw)
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    sizes.observe(element)
    return () => {
      theme.removeEventListener('change', draw)
      sizes.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
    // Made anew where it has other lines; what they show comes below.
  }, [names])
  useEffect(() => plot.current?.setData(data()), [times, series])
  const newest = series.map(({ name, values }) => ({ name, value: values.at(-1) ?? null }))
  const told = newest
    .map(({ name, value }) => `${name} ${value === null ? 'nothing' : shown(value)}`)
    .join(', ')
  return (
    <figure class="card chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="quiet">{unit}</span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}, ${unit}, now: ${told}`} />
      <ul class="legend">
        {newest.map(({ name, value }, index) => (
          <li key={name}>
            <i class={`swatch s${index % COLOURS}`} aria-hidden="true" />
            {name} <b>{value === null ? '–' : shown(value)}</b>
          </li>
        ))}
      </ul>
    </figure>
  )
}
