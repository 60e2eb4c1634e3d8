from ._model_file import load_model_folder as load_model_folder
from ._model_file import save_model_folder as save_model_folder
