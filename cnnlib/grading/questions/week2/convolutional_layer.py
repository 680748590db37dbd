"""Week 2: the questions of the notebook `convolutional_layer`."""

QUESTIONS = []
