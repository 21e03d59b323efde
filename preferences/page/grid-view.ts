import { html, nothing, type TemplateResult } from 'lit-html'
import type { Channel } from '#contracts/channel.ts'
import type { Cell, OwnPreferences } from '#contracts/preferences.ts'
import { icons } from '#browser/icons.ts'
import type { Patch } from './preferences-client.ts'
import { categoryName, type View } from './view.ts'

const order: readonly Channel[] = ['push', 'email', 'sms', 'in_app']

/** A row for each category, a switch for each channel that it is told by, and beside it what follows and why. */
export function gridView(view: View): TemplateResult {
  const { texts, preferences } = view
  const channels = order.filter(channel =>
    preferences.grid.some(({ cells }) => cells.some(it => it.channel === channel)),
  )
  return html`<section class="card" aria-labelledby="grid-title">
    <h3 aria-level=${view.level} id="grid-title">${icons.grid}${texts.categories}</h3>
    <div class="grid" data-channels=${channels.length}>
      <div class="head" aria-hidden="true">
        <span></span>${channels.map(channel => html`<span>${icons[channel]}${texts.channels[channel]}</span>`)}
      </div>
      ${preferences.grid.map(
        ({ category, cells }, at) =>
          html`<div class="row" role="group" aria-labelledby=${`category-${at}`}>
            <div class="name" id=${`category-${at}`}>${categoryName(category)}</div>
            ${channels.map(channel => {
              const cell = cells.find(one => one.channel === channel)
              return cell
                ? cellView(view, { category, cell, at })
                : html`<div class="cell none" aria-hidden="true">–</div>`
            })}
          </div>`,
      )}
    </div>
  </section>`
}

function cellView(view: View, { category, cell, at }: { category: string; cell: Cell; at: number }): TemplateResult {
  const { texts, save } = view
  const { channel, wanted, locked } = cell
  const flip = () => locked || save({ categories: { [category]: { [channel]: !wanted } } })
  const [name, why] = [`channel-${at}-${channel}`, `why-${at}-${channel}`]
  return html`<div class="cell">
    <span class="channel" id=${name}>${icons[channel]}${texts.channels[channel]}</span>
    <button
      class="switch"
      type="button"
      role="switch"
      aria-checked=${wanted ? 'true' : 'false'}
      aria-disabled=${locked ? 'true' : nothing}
      aria-labelledby=${`category-${at} ${name}`}
      aria-describedby=${why}
      @click=${flip}
    >
      <span class="thumb">${locked ? icons.lock : nothing}</span>
    </button>
    <span class="why" id=${why}>${whyOf(view, cell)}</span>
  </div>`
}

/** What follows from it all now, and why: `On · as you chose`; `On, but we have no phone number for you`. */
function whyOf({ texts }: View, { channel, on, reachable, rule, sentence, locked }: Cell): TemplateResult {
  const why = texts.rules[rule] ?? sentence
  if (!on || reachable) return html`<b class=${on ? 'on' : ''}>${on ? texts.on : texts.off}</b> · ${why}`
  // Why somebody cannot change it is said all the same.
  return html`<b>${texts.on}</b>${locked ? ` · ${why}` : ''}, ${texts.unreachable[channel]}`
}

/** A grid as it will be once changes are saved, which are shown at once. Pure. */
export const gridAfter = (grid: OwnPreferences['grid'], changes: readonly Patch[]): OwnPreferences['grid'] =>
  grid.map(({ category, cells }) => ({
    category,
    cells: cells.map(cell => {
      const wishes = changes.map(({ categories }) => categories?.[category]?.[cell.channel])
      const wanted = wishes.findLast(wish => typeof wish === 'boolean')
      if (wanted === undefined) return cell
      if (cell.rule === 'paused') return { ...cell, wanted }
      return { ...cell, wanted, on: wanted, rule: wanted ? 'opted_in' : 'opted_out' }
    }),
  }))
