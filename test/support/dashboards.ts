/** The dashboards of deploy/grafana, as Grafana reads them. */
import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../deploy/grafana/', import.meta.url)

export interface Target {
  readonly expr: string
  readonly legendFormat?: string
  readonly datasource: unknown
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly noValue?: string }
    /** Of single lines, by their legend. */
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value: string }[]
    }[]
  }
  readonly targets?: readonly Target[]
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly annotations: {
    readonly list: readonly { expr: string; titleFormat: string; textFormat?: string }[]
  }
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[]
  }
}

/** By the names of their files. */
export function dashboards(): (readonly [string, Dashboard])[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Dashboard] as const)
}

export interface Question extends Target {
  readonly title: string
  readonly unit: string | undefined
}

export interface QuestionsOfPanel {
  readonly title: string
  readonly questions: readonly Question[]
  /** What is written where there is no line. */
  readonly noValue: string | undefined
}

/** Those that ask for something. */
export function panelsOf({ panels }: Dashboard): QuestionsOfPanel[] {
  return panels
    .filter(({ targets }) => targets !== undefined)
    .map((panel) => ({
      title: panel.title,
      noValue: panel.fieldConfig?.defaults.noValue,
      questions: (panel.targets ?? []).map((target) => ({
        title: panel.title,
        unit: unitOf(panel, target),
        ...target,
      })),
    }))
}

/** All that is asked for the panels. */
export function questionsOf(dashboard: Dashboard): Question[] {
  return panelsOf(dashboard).flatMap(({ questions }) => questions)
}

/** What it leaves out is nothing: where nothing has happened, there is no line. */
export function showsOnlyWhatHappens(expression: string): boolean {
  return expression.endsWith(' > 0')
}

/** As Grafana writes it. */
export function legendOf(format: string, labels: Readonly<Record<string, string>>): string {
  return format.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '')
}

function unitOf({ fieldConfig }: Panel, { legendFormat }: Target): string | undefined {
  const own = fieldConfig?.overrides.find(
    ({ matcher }) => matcher.id === 'byName' && matcher.options === legendFormat,
  )
  return own?.properties.find(({ id }) => id === 'unit')?.value ?? fieldConfig?.defaults.unit
}
