/** The colours in a log: what a program wrote for a terminal, as pieces of text with classes. */

// an escape sequence of any kind; of these only the colours ("m") mean something here
const SEQUENCE = /\x1b(?:\[([0-9;:?]*)([ -/]*[@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/**
 * Cut a line into pieces of one look each.
 * @returns {{text: string, look: string}[]}
 */
export function pieces(line) {
  if (!line.includes("\x1b")) return [{ text: line.replace(CONTROL, ""), look: "" }];
  const found = [];
  let look = { colour: "", bold: false };
  let from = 0;
  const add = (text) => text && found.push({ text: text.replace(CONTROL, ""), look: named(look) });
  for (const match of line.matchAll(SEQUENCE)) {
    add(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") look = changed(look, match[1]);
  }
  add(line.slice(from));
  return found;
}

function named({ colour, bold }) {
  return [colour && `ansi-${colour}`, bold && "ansi-bold"].filter(Boolean).join(" ");
}

function changed(look, codes) {
  let { colour, bold } = look;
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at];
    if (code === 0) [colour, bold] = ["", false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) colour = "";
    else if (code >= 30 && code <= 37) colour = NAMES[code - 30];
    else if (code >= 90 && code <= 97) colour = NAMES[code - 90];
    else if (code === 38 || code === 48) at += numbers[at + 1] === 5 ? 2 : 4; // a palette: left out
  }
  return { colour, bold };
}
