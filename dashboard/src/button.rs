//! Buttons of the embedder.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::view::ButtonCard;

type Press = dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

/// A button that the program which embeds the dashboard adds to the page.
///
/// ```
/// use resurge_dashboard::Button;
///
/// let button = Button::new("open-folder", "Open the folder", || async { Ok(()) })
///     .title("Shows where the downloads are")
///     .confirm("Really open it?");
/// # drop(button);
/// ```
#[derive(Clone)]
pub struct Button {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) title: Option<String>,
    pub(crate) confirm: Option<String>,
    press: Arc<Press>,
}

impl Button {
    /// A button; the error of `press` is shown to the person who pressed it.
    ///
    /// The id stands in an address: letters, digits and dashes read best.
    pub fn new<F, R>(id: impl Into<String>, label: impl Into<String>, press: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        let press =
            Arc::new(move || -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(press()) });
        Self { id: id.into(), label: label.into(), title: None, confirm: None, press }
    }

    /// What the button does, in a sentence.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What the page asks before it presses.
    #[must_use]
    pub fn confirm(mut self, question: impl Into<String>) -> Self {
        self.confirm = Some(question.into());
        self
    }

    pub(crate) async fn press(&self) -> Result<(), String> {
        (self.press)().await
    }
}

/// The buttons as the page shows them.
pub(crate) fn cards(buttons: &[Button]) -> BTreeMap<String, ButtonCard> {
    let card = |(index, button): (u32, &Button)| {
        let card = ButtonCard {
            index,
            label: button.label.clone(),
            title: button.title.clone().unwrap_or_default(),
            confirm: button.confirm.clone(),
        };
        (button.id.clone(), card)
    };
    (0..).zip(buttons).map(card).collect()
}

impl fmt::Debug for Button {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Button")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}
