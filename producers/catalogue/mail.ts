import type { EmailContent } from '#contracts/catalogue.ts'
import { html } from '../sdk/html.ts'

/**
 * How the team writes a mail: a heading, some lines, a button. Subject and heading are the same, on one line; lists of mails show
 * the first line beside it. The layout around it, and the colour of `button`, are the installation's; what stands here counts
 * where a mail program drops its styles.
 */
export function mail({ subject, lines, url, link }: Mail): EmailContent {
  const title = subject.replace(/[\r\n\0\u2028\u2029]+/g, ' ')
  return {
    subject: title,
    preview: lines[0] ?? '',
    html: html`<h1>${title}</h1>
      ${lines.map(line => html`<p>${line}</p>`)}
      <table
        class="button"
        role="presentation"
        cellpadding="0"
        cellspacing="0"
        style="margin:24px 0 16px;border-collapse:separate;border-radius:8px;background-color:#24262b"
      >
        <tr>
          <td style="border-radius:8px;mso-padding-alt:12px 24px">
            <a
              href="${url}"
              style="display:inline-block;padding:12px 24px;color:#ffffff;font-weight:600;text-decoration:none"
              >${link}</a
            >
          </td>
        </tr>
      </table>`,
    text: [title, '', ...lines, '', `${link}: ${url}`].join('\n'),
  }
}

type Mail = { subject: string; lines: readonly string[]; url: string; link: string }
